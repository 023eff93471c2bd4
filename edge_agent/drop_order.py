"""What the journal gives up first when it is full: declared here, counted where it happens."""

from classroom_profiles.telemetry import Measurement

DROP_ORDER = (
    Measurement.READING,
    Measurement.GATEWAY,
    Measurement.ROBOT,
    Measurement.EXPERIMENT,
    Measurement.DEVICE,
    Measurement.ATTENDANCE,
    Measurement.LESSON,
    Measurement.EVENT,
)
"""The oldest points of the first measurement go first; events go when nothing else is left."""
