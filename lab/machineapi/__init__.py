"""The Talos machine API on the wire: our own .proto files, and the code that tools/proto makes of them.

`*_pb2.py` are messages (protobuf, 3.21 and later), `*_grpc.py` service bases and stubs (grpclib). grpcio is
no choice: its BoringSSL refuses Ed25519 certificates, which Talos uses everywhere (grpc/grpc#24252).
"""
