"""The only daemon of the reference operating system: the machine API over gRPC, on any Platform."""
