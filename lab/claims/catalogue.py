"""The claims of the two articles with which the project began, in our words (docs/claims.md)."""

from lab.claims.model import Claim
from lab.errors import UsageError

CLAIMS = (
    Claim(
        "C01",
        "Few programs",
        "An API-driven system has a dozen programs in PATH, a classic one thousands.",
        "Every program in the folders of PATH, links followed; over the API or by find over SSH.",
    ),
    Claim(
        "C02",
        "Read-only",
        "Its file systems are read-only; less can be written than elsewhere.",
        "/proc/self/mountinfo; where there is a shell, also the attempt to write in each folder.",
    ),
    Claim(
        "C03",
        "/etc file by file",
        "Only single files are mounted into /etc.",
        "The lines of mountinfo at and below /etc.",
    ),
    Claim(
        "C04",
        "Reproducible configuration",
        "The same configuration gives the same machine, each time.",
        "The configuration of a node applied to it again, and two boots from it compared.",
    ),
    Claim(
        "C05",
        "A/B upgrade",
        "An upgrade writes the other slot and boots it; if it fails, the old one comes back by itself.",
        "One upgrade, timed by stages; one bundle that is refused, one kernel that does not come up.",
    ),
    Claim(
        "C06",
        "Rollback works",
        "Whatever is wrong with the new version, the old one runs again.",
        "Failure classes, each with the seconds until the old version is ready; one rollback by hand.",
    ),
    Claim(
        "C07",
        "No polling for updates",
        "It has no update channel, so nothing asks for updates.",
        "All packets that a node sends by itself, captured on its wire while nobody asks it anything.",
    ),
    Claim(
        "C08",
        "Configured during or after boot",
        "Configured by a URL while it boots, or by the API afterwards; nothing like cloud-init is needed.",
        "Both, from the power to ready: by its boot argument, and in maintenance over the API.",
    ),
    Claim(
        "C09",
        "DNS changed by one call",
        "One API call changes the DNS servers; one sees that the node resolves, and goes on.",
        "The change, until the new server's log shows the node's query.",
    ),
    Claim(
        "C10",
        "One machine or 10,000",
        "Updating one machine or ten thousand is the same.",
        "The same rollout on 1, 10, 100 ... simulated nodes: nodes a second, failures, the driver's memory.",
    ),
    Claim(
        "C11",
        "Configurations compose",
        "A configuration is made of independent parts.",
        "Random pairs of patches that touch different keys, merged in both orders; a list that both touch.",
    ),
    Claim(
        "C12",
        "Extensions are built in",
        "Extensions are part of the image, not fetched for minutes after boot.",
        "From the power until the extension is there.",
    ),
    Claim(
        "C13",
        "Extensions of others",
        "With others you must bake and maintain your extensions yourself.",
        "What the publisher has ready, against what must be built.",
    ),
    Claim(
        "C14",
        "Boards by overlay",
        "Boards boot through their own U-Boot, which the overlay brings.",
        "The chain on the console: boot loader, its choice, kernel, API; each with its time.",
    ),
    Claim(
        "C15",
        "No SSH, all through the API",
        "There is no SSH; logs, kernel messages and packet captures come through the API.",
        "Every TCP port from the outside; then dmesg, logs and a capture, with the time to its first byte.",
    ),
    Claim(
        "C16",
        "Secure API and enrolment",
        "A new node can be known by its fingerprint; after that only certificates count, and roles bind.",
        "Console's fingerprint against TLS's; no certificate, a foreign one, a reader who resets.",
    ),
    Claim(
        "C17",
        "A small init",
        "Little runs: an init, its API.",
        "Processes that are no kernel threads, services, listening sockets.",
    ),
    Claim(
        "C18",
        "Little to patch",
        "Few packages, so few CVEs.",
        "Packages in the image, and the size of the system.",
    ),
    Claim(
        "C19",
        "A fleet updated without SSH",
        "A fleet is updated by its own API or update server; nobody logs in.",
        "A rollout of an upgrade: how many at once at most, how many came up, what was open for SSH.",
    ),
    Claim(
        "C20",
        "Fast reboot by kexec",
        "Reboots skip the firmware.",
        "A plain reboot and one by power cycle, and whether the firmware's banner came.",
    ),
)


def claim(number: str) -> Claim:
    """Return the claim of that id. Raises UsageError where there is none such."""
    for each in CLAIMS:
        if each.id == number.upper():
            return each
    raise UsageError(f"there is no claim {number!r}; there are {CLAIMS[0].id} to {CLAIMS[-1].id}")
