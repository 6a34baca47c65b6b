"""The HTTP interface of a node: its routes on one page, who calls, what goes over the edge, Scale's API."""
