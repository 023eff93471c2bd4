"""What the centre publishes to gateways: signed profiles and timetables."""
