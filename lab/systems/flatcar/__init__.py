"""Flatcar Container Linux: releases, netboot, the slots of its GPT, system extensions. docs/flatcar.md."""
