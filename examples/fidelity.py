import numpy as np

import photonzero as pz

dft = np.fft.fft(np.eye(16), norm="ortho")
for topology in ("rectangular", "triangular"):
    mesh = pz.mesh(topology, 16)
    phases = pz.decompose(mesh, dft)
    for sigma_rad in (0.01, 0.02, 0.05):
        noise = pz.noise(coupler_imbalance={"angle_std_rad": sigma_rad}, phase_quantizer={"bits": 8})
        dies = [pz.fabricate_mesh(mesh, noise, seed).matrix(phases) for seed in range(20)]
        print(f"{topology}, couplers +-{sigma_rad} rad: fidelity {pz.fidelity(dft, dies).mean():.3f}")
