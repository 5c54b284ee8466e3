"""Scene descriptions: what a picture shows, in words that a method can be conditioned on (`Request.scene`).

`data.scenes` of a sweep chooses: `none`; `template`, a fixed sentence of what can be measured; `endpoint`,
the same facts put into words by a language model (`endpoint`). A test clip's scene speaks of the reference
still and of the label asked for, never of the target; a training clip's of the clip itself, whose head also
moves.
"""

from .endpoint import Endpoint
from .scenes import Scenes, Shot, describe, endpoint_of

__all__ = ["Endpoint", "Scenes", "Shot", "describe", "endpoint_of"]
