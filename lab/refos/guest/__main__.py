"""Process 1's child: the node on the real machine. When it ends, init restarts the machine."""

from lab.refos.guest.linux.daemon import serve

if __name__ == "__main__":
    serve()
