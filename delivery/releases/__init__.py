"""What was released where, when, by whom and how it ended; enough of it kept to go back."""

from delivery.releases.release import Release, Result, StepRecord, new_id
from delivery.releases.store import ReleaseError, Releases

__all__ = ["Release", "ReleaseError", "Releases", "Result", "StepRecord", "new_id"]
