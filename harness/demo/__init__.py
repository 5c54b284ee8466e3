"""The web demo: a face, a voice and an emotion in, a clip of any of a run's trained methods out.

`uploads` checks what strangers send, `orders` keeps each order as a folder, `making` generates, `routes` is
the HTTP side. Ray is not imported here: `harness.serve` puts `making` into a deployment of its own.
"""
