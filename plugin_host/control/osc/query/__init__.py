"""OSCQuery: what there is to control, as JSON over HTTP, its values over a websocket, found by zeroconf."""
