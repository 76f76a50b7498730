from . import resample as resample
from .box import Box as Box, move_point as move_point
from .resample import (
    crop_resize as crop_resize,
    network_size as network_size,
    paste as paste,
    pick_nearest as pick_nearest,
    reframe as reframe,
    resize as resize,
)
from .zoom import (
    expansion as expansion,
    sticky_zoom_in as sticky_zoom_in,
    view_around as view_around,
    zoom_in as zoom_in,
)
