"""`runner doctor`: what a sweep needs, here or on a cluster; what is lacking, and what to do about it."""
