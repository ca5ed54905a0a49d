# make demo, make test: everything on a fresh Debian 12 machine, as root or as a user with sudo for packages.
PY := .venv/bin/python
# A board in QEMU keeps one core busy: one test for each core. By hand, plain pytest runs them one by one.
PARALLEL := -n auto --maxprocesses 4 --dist loadgroup
.PHONY: help demo test check unit format fuzz api-fuzz lossy refos-twice upgrades systems update-fleet night bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

demo:  ## netboot one emulated board from our own servers and open the report of where the time went
	@tools/setup demo
	@.venv/bin/bootlab demo

test: check  ## all checks and all tests: unit, real peers, emulated boards
	$(PY) -m pytest $(PARALLEL) tests/unit tests/contract tests/fuzz tests/interop tests/hil

check:  ## format, lint, types, import directions
	@tools/setup test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

unit:  ## the fast tests alone: no root, no network, no board
	@tools/setup test
	$(PY) -m pytest $(PARALLEL) tests/unit tests/contract

format:  ## rewrite the sources the way `check` wants them
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

fuzz:  ## a million mutated datagrams and requests of update clients, guided by coverage (about 5 minutes)
	@tools/setup test
	$(PY) tests/fuzz/seeds.py
	$(PY) tests/fuzz/run.py dhcp -runs=70000 -verbosity=0
	$(PY) tests/fuzz/run.py proxy -runs=40000 -verbosity=0
	$(PY) tests/fuzz/run.py tftp -runs=130000 -verbosity=0
	$(PY) tests/fuzz/run.py uploads -runs=30000 -verbosity=0
	$(PY) tests/fuzz/run.py names -runs=10000 -verbosity=0
	$(PY) tests/fuzz/run.py captures -runs=30000 -verbosity=0
	$(PY) tests/fuzz/run.py omaha -runs=30000 -verbosity=0
	$(PY) tests/fuzz/run.py graph -runs=30000 -verbosity=0
	$(PY) tests/fuzz/run.py locks -runs=30000 -verbosity=0
	$(PY) tests/fuzz/run.py schematics -runs=20000 -verbosity=0
	$(PY) tests/fuzz/run.py archives -runs=30000 -verbosity=0

api-fuzz:  ## Schemathesis against the running API, 200 requests made up for each route (10 minutes and more)
	@tools/setup test
	BOOTLAB_API_EXAMPLES=200 $(PY) -m pytest tests/interop/pxe/service/test_schemathesis.py

lossy:  ## every client of the firmware matrix where one packet in five is lost each way (two hours and more)
	@tools/setup test
	$(PY) -m pytest tests/hil/lossy_table.py -v -o log_cli=true --log-cli-level=INFO \
		--lab-impair loss=0.2,duplicate=0.05,reorder=0.05

refos-twice:  ## build the reference OS twice from nothing for both architectures and compare every byte (10 minutes, 400 MB)
	@tools/setup test
	@tools/refos-twice

upgrades:  ## 100 power cuts and every class of failed upgrade of refos on the emulated board (two hours and more)
	@tools/setup test
	.venv/bin/bootlab test upgrades --cuts 100 --classes all
	.venv/bin/bootlab test upgrades --cuts 0 --system lab.upgrades.refos:RefosPc

systems:  ## Fedora CoreOS and Flatcar from their stand-ins by the real Ignition; a system extension; GRUB (5 minutes)
	@tools/setup test
	BOOTLAB_SYSTEMS="fcos flatcar" $(PY) -m pytest tests/hil/test_coreos.py tests/hil/sysext_guest.py tests/hil/grub_again.py
	BOOTLAB_SYSTEMS=flatcar BOOTLAB_PLACE=arm64-pxe $(PY) -m pytest tests/hil/test_coreos.py

update-fleet:  ## 10,000 simulated nodes through a staged update while the server is killed ten times (6 minutes)
	@tools/setup test
	$(PY) tests/hil/updates_fleet.py

night:  ## the nightly matrix twice on three emulated boards, with three faults in the second night (15 minutes)
	@tools/setup test
	$(PY) tests/hil/night_twice.py

bench:  ## measure against the peers, side by side (about 20 minutes)
	@tools/setup bench
	$(PY) -m bench

clean:  ## remove what the build made; keep results/
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
