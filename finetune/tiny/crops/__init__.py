"""Training crops: which windows of which images, their pixels, and what there is to find in them."""
