"""The first configuration from a URL, in the manners of Talos."""

from functools import partial

from lab.refos.guest.model import PlatformError
from lab.refos.guest.pulling import pull
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.state.configuration import Unsupported

URL = "http://192.0.2.1/c/token/talos.yaml"
INSTALL = "  install:\n    disk: /dev/vda\n    image: http://192.0.2.1/good:v1.0.0\n"


class Server:
    """Answers in turn; the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def get(self, url):
        assert url == URL
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pull(self, seconds=60.0):
        return partial(pull, url=URL, get=self.get, seconds=seconds, pause=0.01)


def test_a_held_machine_takes_it_when_it_is_released_and_nobody_else_could_give_one(
    rig, play, config, from_network
):
    async def story():
        server = Server((404, b""), PlatformError("nobody"), (404, b""), (404, b""), (200, config().encode()))
        async with rig(config=None, slots=from_network(), acquire=server.pull()) as it:
            await it.ready()
            assert server.asked == 5
            assert it.platform.store.texts[CONFIG]
            said = [line for line in it.platform.lines if line.startswith("configuration:")]
            assert said == [
                "configuration: status 404; asking again",
                "configuration: nobody; asking again",
                "configuration: status 404; asking again",
                "configuration: Applied the first configuration",
            ]
            assert "stage maintenance" not in it.platform.lines
            async with it.client("os:reader") as client:
                assert (await client.version()).mode == "metal"

    play(story())


def test_it_installs_where_that_says_so(rig, play, config, from_network):
    async def story():
        server = Server((200, config(machine=INSTALL).encode()))
        async with rig(config=None, slots=from_network(), acquire=server.pull()) as it:
            await it.until(lambda: it.platform.left == ["reboot"])
            assert it.platform.slots.done == ["install http://192.0.2.1/good:v1.0.0 /dev/vda"]

    play(story())


def test_none_there_is_maintenance(rig, play, from_network):
    async def story():
        for answer, words in (
            ((204, b""), "the server has none for us"),
            (Unsupported("talos.config=ftp://x: only http:// is fetched here"), "only http://"),
        ):
            async with rig(config=None, slots=from_network(), acquire=Server(answer).pull()) as it:
                assert it.node.maintenance
                assert "stage maintenance" in it.platform.lines
                assert any(words in line for line in it.platform.lines)

    play(story())


def test_in_the_end_it_gives_up(rig, play, from_network):
    async def story():
        async with rig(config=None, slots=from_network(), acquire=Server((404, b"")).pull(0.05)) as it:
            assert "configuration: none in 0.05 s" in it.platform.lines
            assert it.node.maintenance

    play(story())


def test_a_faulty_one_is_told_and_asked_for_again(rig, play, config, from_network):
    async def story():
        server = Server((200, b"version: v1alpha1\nmachine: {nonsense: 1}\n"), (200, config().encode()))
        async with rig(config=None, slots=from_network(), acquire=server.pull()) as it:
            await it.ready()
            assert any("not valid" in line and "nonsense" in line for line in it.platform.lines)

    play(story())


def test_a_node_that_has_one_asks_nobody(rig, play):
    async def story():
        server = Server((404, b""))
        async with rig(acquire=server.pull()) as it:
            await it.ready()
            assert server.asked == 0

    play(story())
