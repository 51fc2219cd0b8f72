"""The stem host: a session's stems as tracks with effects, mixed, bounced and played."""
