"""Reviews compared with what the base model has known all along, with other readers and with near copies. Pure.

A suspicion names a reader and the images; careless or right, the comparison cannot know. A person decides.
"""
