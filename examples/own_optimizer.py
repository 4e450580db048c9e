import numpy as np

import photonzero as pz
from photonzero.training.optimizers import PopulationOptimizer


class BestOfSixteen(PopulationOptimizer):
    def propose(self):
        return self.controls + 0.05 * self.scale * self.rng.standard_normal((16, self.controls.size))

    def learn(self, settings, losses):
        self.controls = settings[np.argmin(losses)]


for optimizer in (BestOfSixteen, "rge-adam", "gauss-newton"):
    print(pz.train("black-scholes", optimizer=optimizer, max_inferences=500_000))
