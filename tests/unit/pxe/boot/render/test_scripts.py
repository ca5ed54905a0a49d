"""Golden texts (UPDATE_GOLDEN=1 writes them anew) and the rules they follow. Real loaders: tests/interop."""

import os
import re
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.classify import Client
from pxe.boot.render import (
    Kind,
    Scene,
    boot_script,
    cmdline_txt,
    config_txt,
    grub_config,
    ipxe_script,
    pxelinux_config,
    refusal,
    refusal_script,
)
from pxe.errors import PlanError
from pxe.plan import Action, Arch, Asset, BootPlan, Transport

GOLDEN = Path(__file__).parents[4] / "data" / "render"
MAC = "52:54:00:00:00:01"
SCENE = Scene(server=IPv4Address("10.99.0.1"), http="http://10.99.0.1", mac=MAC)
SIZES = {
    "Image": 0x1A00000,
    "debian/linux": 27236288,
    "debian/initrd.gz": 31457281,
    "board.dtb": 4096,
    "my.efi": 77,
}

BARE = BootPlan(name="bare", kernel=Asset("Image", Path("/srv/Image")))
INSTALLER = BootPlan(
    name="debian-12-installer",
    kernel=Asset("debian/linux", Path("/srv/linux")),
    initrd=Asset("debian/initrd.gz", Path("/srv/initrd.gz")),
    cmdline="console=ttyAMA0 auto url=http://{server}/preseed.cfg ds=nocloud;s=http://{server}/",
)
WITH_DTB = replace(INSTALLER, name="with-dtb", dtb=Asset("board.dtb", Path("/srv/board.dtb")))
AT_ADDRESS = replace(WITH_DTB, name="dtb-at-address", fdt_address="0x4a000000", arch=Arch.ARM)
LOADER = BootPlan(name="loader", loader=Asset("my.efi", Path("/srv/my.efi")))
LOCAL = BootPlan(name="local", action=Action.LOCAL)
HELD = BootPlan(name="hold", action=Action.HOLD)
PLANS = [BARE, INSTALLER, WITH_DTB, AT_ADDRESS, LOADER, LOCAL, HELD]

RENDERERS = {
    "scr": boot_script,
    "cfg": pxelinux_config,
    "ipxe": ipxe_script,
    "grub": grub_config,
    "config.txt": config_txt,
    "cmdline.txt": cmdline_txt,
}
SHELLS = [boot_script, grub_config]
IMPOSSIBLE = {
    *((plan.name, kind) for plan in (LOADER, LOCAL, HELD) for kind in ("config.txt", "cmdline.txt")),
    ("loader", "cfg"),
}


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("kind", RENDERERS)
@pytest.mark.parametrize("plan", PLANS, ids=lambda p: p.name)
def test_texts_are_the_golden_ones(plan, kind):
    render = RENDERERS[kind]
    if (plan.name, kind) in IMPOSSIBLE:
        with pytest.raises(PlanError, match=plan.name):
            render(plan, SIZES, SCENE)
        return
    golden(f"{plan.name}.{kind}", render(plan, SIZES, SCENE))


def test_no_golden_text_is_left_over():
    wanted = {f"{p.name}.{kind}" for p in PLANS for kind in RENDERERS if (p.name, kind) not in IMPOSSIBLE}
    assert {path.name for path in GOLDEN.iterdir()} == wanted


def test_the_initrd_comes_last_because_booti_needs_its_filesize():
    loads = [line for line in boot_script(WITH_DTB, SIZES, SCENE).splitlines() if "tftpboot" in line]
    assert len(loads) == 3
    assert "initrd.gz" in loads[-1]


def test_the_script_ends_in_false_without_a_newline():
    for plan in PLANS:
        assert boot_script(plan, SIZES, SCENE).endswith("\nfalse")
    assert refusal_script("x").endswith("\nfalse")


@pytest.mark.parametrize(
    ("arch", "command"), [(Arch.ARM64, "booti"), (Arch.ARM, "bootz"), (Arch.UNKNOWN, "booti")]
)
def test_the_command_is_that_of_the_arch_that_the_client_has(arch, command):
    scene = replace(SCENE, client=Client(mac=MAC, arch=arch))
    assert f"\n  {command} ${{kernel_addr_r}} - ${{fdtcontroladdr}}\n" in boot_script(BARE, SIZES, scene)


def test_there_is_no_u_boot_command_for_x86():
    with pytest.raises(PlanError, match="no U-Boot command for a kernel of x86_64"):
        boot_script(replace(BARE, arch=Arch.X86_64), SIZES, SCENE)


@pytest.mark.parametrize(
    ("transport", "http", "base"),
    [
        (Transport.AUTO, "http://10.99.0.1", "http://10.99.0.1/"),
        (Transport.AUTO, "", "tftp://10.99.0.1/"),
        (Transport.TFTP, "http://10.99.0.1", "tftp://10.99.0.1/"),
        (Transport.HTTP, "http://10.99.0.1:8080", "http://10.99.0.1:8080/"),
    ],
)
def test_files_travel_as_the_plan_wants(transport, http, base):
    script = ipxe_script(replace(INSTALLER, transport=transport), SIZES, replace(SCENE, http=http))
    urls = re.findall(
        r"\b(?:kernel|initrd) --name \w+ (\S+)|^chain .* (\S+/boot\.ipxe)", script, re.MULTILINE
    )
    assert [a or b for a, b in urls] == [f"{base}debian/linux", f"{base}debian/initrd.gz", f"{base}boot.ipxe"]


def test_http_that_is_off_is_said():
    with pytest.raises(PlanError, match="wants HTTP, which is off"):
        ipxe_script(replace(BARE, transport=Transport.HTTP), SIZES, replace(SCENE, http=""))


def test_grub_takes_http_only_where_the_plan_says_so_and_knows_no_port_but_80():
    scene = replace(SCENE, http="http://10.99.0.1:8080")
    assert "linux '(tftp,10.99.0.1)/Image'" in grub_config(BARE, SIZES, scene)
    over_http = grub_config(replace(BARE, transport=Transport.HTTP), SIZES, SCENE)
    assert "linux '(http,10.99.0.1)/Image'" in over_http
    with pytest.raises(PlanError, match="port 80 only"):
        grub_config(replace(BARE, transport=Transport.HTTP), SIZES, scene)


def test_the_view_stands_before_every_name():
    scene = replace(SCENE, view="52-54-00-00-00-01/")
    assert "tftpboot ${kernel_addr_r} 52-54-00-00-00-01/Image;" in boot_script(BARE, SIZES, scene)
    assert "http://10.99.0.1/52-54-00-00-00-01/boot.ipxe" in ipxe_script(BARE, SIZES, scene)
    assert "'(tftp,10.99.0.1)/52-54-00-00-00-01/grub/grub.cfg'" in grub_config(BARE, SIZES, scene)


def test_quotes_reach_the_kernel_through_grub():
    quoting = replace(BARE, cmdline='quiet x="a b" dyndbg="file a.c +p" y')
    assert " 'quiet' 'x=a b' 'dyndbg=file a.c +p' 'y'; then" in grub_config(quoting, SIZES, SCENE)
    with pytest.raises(PlanError, match="not closed"):
        grub_config(replace(BARE, cmdline='x="a'), SIZES, SCENE)


def test_config_txt_has_no_line_that_the_firmware_would_cut():
    name = "x" * 95
    with pytest.raises(PlanError, match="98 characters: kernel=x"):
        config_txt(BootPlan(name="p", kernel=Asset(name, Path("/x"))), {name: 1}, SCENE)


# What is syntax to one of the loaders. A plan with it is refused by all, before anything is rendered.
HOSTILE = ["a\nreset", "a\r\nreset", "a'; reset; '", "${x}", "$x", "a\\", "`x`", "x\0y", "é"]


@pytest.mark.parametrize("cmdline", HOSTILE)
@pytest.mark.parametrize("kind", RENDERERS)
def test_what_could_be_syntax_is_refused(cmdline, kind):
    with pytest.raises(PlanError):
        RENDERERS[kind](replace(INSTALLER, cmdline=cmdline), SIZES, SCENE)


@pytest.mark.parametrize("cmdline", ["a && shell", "a || shell", "a ; shell", "a #b", "#!ipxe"])
def test_words_that_are_syntax_to_ipxe_are_refused_there(cmdline):
    with pytest.raises(PlanError, match="is syntax to iPXE"):
        ipxe_script(replace(BARE, cmdline=cmdline), SIZES, SCENE)


def test_jinja_in_a_value_is_text():
    cmdline = "{{ server }} {% if x %} {#x#}"
    assert f"  setenv bootargs '{cmdline}'\n" in boot_script(replace(BARE, cmdline=cmdline), SIZES, SCENE)
    assert cmdline_txt(replace(BARE, cmdline=cmdline), SIZES, SCENE) == f"{cmdline}\n"


def rendered(render, cmdline):
    return render(replace(BARE, cmdline=cmdline), SIZES, SCENE)


@given(st.text() | st.text("ab \"'{}$;&|#\n\\", max_size=20))
def test_any_cmdline_stays_one_value_or_is_refused(cmdline):
    for render in RENDERERS.values():
        try:
            script = rendered(render, cmdline)
        except PlanError:
            continue
        filled = SCENE.fill(cmdline)
        if render is boot_script:
            assert f"  setenv bootargs '{filled}'" in script.splitlines()
        elif render is ipxe_script:
            # The one command that it stands in still ends at our own operator
            words = next(w for w in map(str.split, script.splitlines()) if w[:1] == ["kernel"])
            assert words == [
                "kernel",
                "--name",
                "kernel",
                "http://10.99.0.1/Image",
                *filled.split(),
                "&&",
                "goto",
                "kernel_came",
                "||",
            ]
        elif render is cmdline_txt:
            assert script == f"{filled}".rstrip("\n") + "\n"
        if filled:
            assert len(script.splitlines()) == len(rendered(render, "x").splitlines())


@given(st.text())
def test_a_refusal_is_two_lines_whatever_the_reason(reason):
    script = refusal_script(reason)
    first, second = script.split("\n")
    assert first.startswith('echo "bootlab: cannot boot: ')
    assert second == "false"
    assert first.count('"') == 2
    assert not set(first) & set("$'\\`;")


@given(st.text())
def test_a_refusal_adds_no_line_and_no_command(reason):
    ipxe = refusal(Kind.IPXE, BARE, reason, SCENE)
    assert ipxe.startswith("#!ipxe\n")
    assert len(ipxe.splitlines()) == len(refusal(Kind.IPXE, BARE, "x", SCENE).splitlines())
    fault = next(line for line in ipxe.splitlines() if line.startswith("set bootlab_fault"))
    assert not set(fault) & set("$&|;#")
    grub = refusal(Kind.GRUB, BARE, reason, SCENE)
    assert len(grub.splitlines()) == len(refusal(Kind.GRUB, BARE, "x", SCENE).splitlines())


@pytest.mark.parametrize("kind", [Kind.PXELINUX, Kind.CONFIG_TXT, Kind.CMDLINE_TXT])
def test_what_cannot_say_a_refusal_is_refused_itself(kind):
    with pytest.raises(PlanError, match="the reason"):
        refusal(kind, BARE, "the reason", SCENE)


def test_the_scene_fills_its_words_and_no_others():
    scene = replace(SCENE, config="http://10.99.0.1/c/t/")
    assert (
        scene.fill("{server} {server} {mac} {config} {other} {")
        == f"10.99.0.1 10.99.0.1 {MAC} {scene.config} {{other}} {{"
    )


TEMPLATE = """\
#!ipxe
echo {{ plan }} {{ mac }}
chain {{ kernel.url }}
{% for word in words %}
echo {{ word }}
{% endfor %}
"""


def test_a_plans_template_replaces_ours():
    plan = replace(BARE, cmdline="a b", templates={"ipxe": TEMPLATE})
    assert ipxe_script(plan, SIZES, SCENE) == (
        f"#!ipxe\necho bare {MAC}\nchain http://10.99.0.1/Image\necho a\necho b\n"
    )
    assert "setenv bootargs 'a b'" in boot_script(plan, SIZES, SCENE)


@pytest.mark.parametrize("action", [Action.LOCAL, Action.HOLD])
def test_a_plans_template_is_for_booting_only(action):
    plan = replace(LOCAL, action=action, templates={"ipxe": "#!ipxe\nshell"})
    assert "shell\n" not in ipxe_script(plan, SIZES, SCENE).replace("# No shell", "")


CLIENT_WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126))  # what classify lets pass


@given(vendor=CLIENT_WORDS, name=st.text())
@pytest.mark.parametrize("render", [boot_script, grub_config, ipxe_script, config_txt])
def test_words_of_the_client_add_no_syntax_to_a_plans_template(render, vendor, name):
    kinds = {boot_script: "uboot", grub_config: "grub", ipxe_script: "ipxe", config_txt: "config.txt"}
    plan = replace(BARE, templates={kinds[render]: "echo {{ vendor_class }} {{ machine }} end\n"})
    scene = replace(SCENE, client=Client(mac=MAC, vendor_class=vendor), name=name)
    try:
        script = render(plan, SIZES, scene)
    except PlanError:
        return
    assert script.count("\n") <= 1
    assert not set(script) & set("$`\\\n\r") - {"\n"}
    assert not {"&&", "||", ";"} & set(script.split())
    if render in SHELLS:
        assert not set(script) & set("'\";&|<>#{}[]!*?~")
