import numpy as np

import photonzero as pz


class Cooling(pz.PDE):
    domain = {"x": (0.0, 1.0), "t": (0.0, 0.2)}

    def residual(self, at, u):
        return u.t - u.xx

    def ansatz(self, at, net):  # holds at the walls and at t = 0, whatever the network says
        return np.sin(np.pi * at.x) + at.t * at.x * (1 - at.x) * net


run = pz.train(Cooling, max_inferences=200_000)
run.plot().savefig("cooling.png")
