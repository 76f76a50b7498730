from .boxed import BoxedMask as BoxedMask, difference as difference, union as union
from .overlap import iou as iou
from .run_lengths import RunLengths as RunLengths
