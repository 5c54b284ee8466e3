"""synchrorama: latent diffusion with multi-modal emotion, audio-to-motion and scene descriptions."""
