"""How long to wait for the centre's answer before a batch is sent again, learned from how long its answers take.

RFC 6298 ("Computing TCP's Retransmission Timer") with its names and doubling, and Karn's rule (section 3): what was
sent twice is not measured, since nobody knows which of the two was answered. Up it goes with the gains of that RFC,
down with a fourth of them: of eight batches on their way each is measured (RFC 7323, appendix G). The bounds fit a
centre that may hold its answers back for twelve seconds by design (VictoriaMetrics), and the doubling ends early, so
that one that is back is noticed.
"""

import random

_ALPHA, _BETA, _K = 1 / 8, 1 / 4, 4
_DOWN = 1 / 4
_ENOUGH = 32
_GRANULES = 15
"""The centre writes and answers in strides of up to a second: what the RFC calls G, a fifteenth of the first wait."""
_LONGEST_S = 60.0


class AckWait:
    def __init__(self, first_s: float, seed: int | None = None) -> None:
        """`first_s`: before enough was measured. What is learned is never less than a third of it; waits that double
        end at twice that, unless more was learned.
        """
        self._first_s = self._rto_s = first_s
        self._measured = 0
        self._doubled_most_s = 2 * first_s
        self._doublings = 0
        """Of the batches that are sent now: section 5.5, but once for all that were on their way together."""
        self._srtt_s: float | None = None
        self._rttvar_s = 0.0
        self._jitter = random.Random(seed)  # noqa: S311 - spreads load; nothing is secret

    @property
    def usual_s(self) -> float:
        """How long an answer takes; 0 while that is not known."""
        return self._srtt_s or 0.0

    def of(self, times: int) -> float:
        """For a batch that was sent so many times. Jitter only adds: less would be too soon."""
        doubled_s = self._rto_s * 2.0 ** max(times - 1, self._doublings)
        return max(self._rto_s, min(doubled_s, self._doubled_most_s)) * self._jitter.uniform(1.0, 1.25)

    def passed(self, times: int) -> None:
        """A batch that was sent so many times was not answered within it."""
        self._doublings = min(max(self._doublings, times), 16)

    def measured(self, took_s: float) -> None:
        """A batch that was sent once was answered."""
        self._measured += 1
        if self._srtt_s is None:
            self._srtt_s, self._rttvar_s = took_s, took_s / 2
        else:
            off_s = took_s - self._srtt_s
            more_s = abs(off_s) - self._rttvar_s
            self._rttvar_s += _BETA * more_s * (1 if more_s > 0 else _DOWN)
            self._srtt_s += _ALPHA * off_s * (1 if off_s > 0 else _DOWN)
        least_s = self._first_s / 3 if self._measured >= _ENOUGH else self._first_s
        off_most_s = max(self._first_s / _GRANULES, _K * self._rttvar_s)
        self._rto_s = min(max(self._srtt_s + off_most_s, least_s), _LONGEST_S)
        self._doublings = 0
