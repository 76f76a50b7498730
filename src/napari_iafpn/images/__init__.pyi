from .plane import Plane as Plane
