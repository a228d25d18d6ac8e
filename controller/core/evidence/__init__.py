"""
How a candidate is judged: e-processes, which may be looked at as often as one likes.

An e-process E has E[E] <= 1 under the null hypothesis at every stopping time, so "act when E >= 1/alpha" is false with
probability <= alpha however often we look (Ville 1939; Ramdas, Gruenwald, Vovk & Shafer 2023, "Game-theoretic
statistics and safe anytime-valid inference"). Read in this order: `rules`, `window`, `likelihood`, `fortune`, `timing`,
`paired`, `engine`, `merge`, `rollback`, `promotion`, `sight`, `memory`.
`controller/core/sequential.py` is the door: import from there.

What never lives here: anything that reads a clock, a random number or the network. Windows of measurements come in.
"""
