"""The operations centre: what is known of schools, rooms and devices, and the process that shows it."""
