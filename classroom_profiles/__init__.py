"""The words everyone shares: what a room is, what a lesson does, what a reading is. No I/O, no clock."""
