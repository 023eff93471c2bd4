"""The other end of each wire: devices that remember, on sockets and ptys, sharing no code with their drivers."""
