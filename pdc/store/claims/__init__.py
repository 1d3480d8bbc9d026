"""Which image is open at whom, for as long as a page says so: nobody else is sent to it meanwhile."""
