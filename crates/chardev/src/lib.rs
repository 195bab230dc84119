//! Character devices: the terminal, sockets, files and the multiplexer
