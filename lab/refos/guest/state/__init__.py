"""What a node is and may do, as a pure state machine: no I/O, no clock; time is an argument, in seconds."""
