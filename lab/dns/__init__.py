"""The lab's DNS server: answers from a few records, and logs every query, so that one sees who asked whom.

`answer` is pure, `server` has the sockets, `log` writes and follows the log.
"""
