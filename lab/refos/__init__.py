"""The reference operating system: what runs in the node, and what builds it."""
