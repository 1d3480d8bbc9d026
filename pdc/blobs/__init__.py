"""Where the bytes of images are kept, each under a key: in a folder, or in an object store with a copy of what is read here."""
