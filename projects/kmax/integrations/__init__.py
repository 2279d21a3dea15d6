"""What hands results to tools of other projects; each file needs the package of one."""
