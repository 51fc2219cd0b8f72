"""Running a separator over a song of any length: plan, overlap-add, honest sums."""
