"""The machine API of a node over gRPC: who may call what, and what each call does."""
