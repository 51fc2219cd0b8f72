"""Train separators: compose and render songs, mix batches, fit a network, resume, score."""
