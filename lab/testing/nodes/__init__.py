"""A fleet of simulated nodes: the API of refos over machines that exist only in memory.

`python -m lab.testing.nodes --count 10000`. What is real: the code that answers, TLS, a listening address for
each node, DNS queries sent from that address. What is not: the machine below; and to have room for 10,000
in a few hundred MB, 64 neighbours share a key and a certificate, which names all their addresses.
"""
