"""Talos by Sidero Labs: images by its Image Factory, and its machine API. docs/talos.md."""
