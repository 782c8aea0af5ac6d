"""Pure functions on products: no I/O, no MCP. Missing or meaningless input gives `None`, never 0, infinity or NaN.

Notation in the docstrings: u_N units, g_N GMV (USD), v_N videos, w_N views in the last N days, without index lifetime;
c_N creators active in the window (an upper bound); p average price (USD); r commission as a fraction.
"""
