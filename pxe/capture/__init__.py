"""Recording what goes over the wire: pcapng files that tshark and Wireshark read, cheap enough to stay on."""
