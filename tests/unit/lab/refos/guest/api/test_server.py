"""The listener's end."""

import asyncio


class Transport(asyncio.Transport):
    """What a handshake ends in; keeps what is asked of it."""

    def __init__(self):
        super().__init__()
        self.closed = False

    def write(self, data):
        """Take it."""

    def close(self):
        """Note it."""
        self.closed = True

    def abort(self):
        """The same."""
        self.closed = True

    def is_closing(self):
        """Whether it was asked to."""
        return self.closed


def test_a_handshake_that_outlives_the_listener_is_ended(rig, play):
    async def story():
        transports = {}
        async with rig() as it:
            await it.ready()
            transports["in time"] = Transport()
            it.server._protocol().connection_made(transports["in time"])
            late = it.server._protocol()
            assert not transports["in time"].closed
        transports["late"] = Transport()
        late.connection_made(transports["late"])
        assert transports["late"].closed
        late.connection_lost(None)

    play(story())
