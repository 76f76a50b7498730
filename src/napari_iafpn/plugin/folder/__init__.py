"""A folder of images, annotated one after the other."""
