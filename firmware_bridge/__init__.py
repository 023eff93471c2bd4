"""Everything on a wire: transports and drivers."""
