//! The node classes of a ComfyUI server as types: what does not fit together does not compile.
//!
//! Made by `genai-comfy nodes codegen` from what the server says of itself (`GET /object_info`); make it anew rather than
//! change it. A node begins with what it needs, takes the rest by name, and goes into a graph with `add_to`, which tells its
//! outputs:
//!
//! ```ignore
//! let mut graph = comfy_client::Graph::new();
//! let image = EmptyImage::new().width(64).height(64).add_to(&mut graph);
//! SaveImage::new(image.image()).titled("Keep").add_to(&mut graph);
//! ```
//!
//! Ranges, and choices that differ from server to server (the names of files), are checked by `Graph::build_for`.
//! Declare the module as `pub mod`, so that nobody misses the users of the classes that a program does not use.

use std::marker::PhantomData;

use comfy_client::{Graph, Link, NodeBuilder, NodeId};

/// A node that is in a graph; its outputs are its methods.
#[derive(Clone, Debug)]
pub struct Added<C> {
    id: NodeId,
    class: PhantomData<C>,
}

impl<C> Added<C> {
    /// The node itself.
    pub fn node(&self) -> NodeId {
        self.id
    }
}

/// A node that is in no graph yet.
#[derive(Clone, Debug)]
struct Draft {
    class: &'static str,
    title: Option<String>,
    inputs: Vec<(&'static str, Given)>,
}

/// What an input is given.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    Whole(i64),
    Large(u64),
    Float(f64),
    Boolean(bool),
    Text(String),
    Link(Link),
}

impl From<Link> for Given {
    fn from(link: Link) -> Self {
        Self::Link(link)
    }
}

impl Draft {
    fn of(class: &'static str) -> Self {
        Self {
            class,
            // The editor then shows the class's own.
            title: None,
            inputs: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<Given>) -> Self {
        match self.inputs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = value.into(),
            None => self.inputs.push((name, value.into())),
        }
        self
    }

    fn begin(self, graph: &mut Graph) -> NodeBuilder<'_> {
        let mut node = graph.node(self.class);
        for (name, value) in self.inputs {
            node = match value {
                Given::Whole(value) => node.input(name, value),
                Given::Large(value) => node.input(name, value),
                Given::Float(value) => node.input(name, value),
                Given::Boolean(value) => node.input(name, value),
                Given::Text(value) => node.input(name, value),
                Given::Link(value) => node.input(name, value),
            };
        }
        match self.title {
            Some(title) => node.title(title),
            None => node,
        }
    }
}

/// A node class: what it needs, what else it takes, and what it gives.
macro_rules! node {
    (@default $name:ident [] $draft:expr) => {
        impl Default for $name {
            fn default() -> Self {
                Self($draft)
            }
        }
    };
    (@default $name:ident [$($need:ident)+] $draft:expr) => {};
    ($(#[$doc:meta])* $name:ident = $class:literal;
        $(#[$lint:meta])*
        needs { $($(#[$need_doc:meta])* $need:ident = $need_name:literal: $need_type:ty,)* }
        takes { $($(#[$take_doc:meta])* $take:ident = $take_name:literal: $take_type:ty $(= $default:expr)?,)* }
        gives { $($(#[$give_doc:meta])* $give:ident = $slot:literal: $give_type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[must_use = "a node is in a graph only once it is added"]
        pub struct $name(Draft);

        impl $name {
            /// The node, with what it needs; what else it takes is as a new node of the editor has it.
            $(#[$lint])*
            pub fn new($($need: impl Into<$need_type>),*) -> Self {
                Self(Draft::of($class)
                    $(.with($need_name, $need.into()))*
                    $($(.with($take_name, <$take_type>::from($default)))?)*)
            }

            $($(#[$need_doc])*
            pub fn $need(self, value: impl Into<$need_type>) -> Self {
                Self(self.0.with($need_name, value.into()))
            })*

            $($(#[$take_doc])*
            pub fn $take(self, value: impl Into<$take_type>) -> Self {
                Self(self.0.with($take_name, value.into()))
            })*

            /// Names the node, as the editor and messages show it.
            pub fn titled(mut self, title: impl Into<String>) -> Self {
                self.0.title = Some(title.into());
                self
            }

            /// Begins the node in the graph, where inputs can be given that have no type here.
            pub fn begin(self, graph: &mut Graph) -> NodeBuilder<'_> {
                self.0.begin(graph)
            }

            /// Puts the node into the graph.
            pub fn add_to(self, graph: &mut Graph) -> Added<Self> {
                Added { id: self.0.begin(graph).add(), class: PhantomData }
            }
        }

        node! {
            @default $name [$($need)*]
            Draft::of($class)$($(.with($take_name, <$take_type>::from($default)))?)*
        }

        impl Added<$name> {
            $($(#[$give_doc])*
            pub fn $give(&self) -> $give_type {
                <$give_type>::from_link(self.id.output($slot))
            })*
        }
    };
}

/// Types that only an output gives.
macro_rules! links {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(Link);

        impl $name {
            /// Takes a link that is of this type, though its node has no type here.
            pub fn from_link(link: Link) -> Self {
                Self(link)
            }
        }

        impl From<$name> for Given {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }
    )* };
}

/// Types of which a workflow may also write the value.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident: $($value:ty = $kind:ident),*;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name(Given);

        impl $name {
            /// Takes a link that is of this type, though its node has no type here.
            pub fn from_link(link: Link) -> Self {
                Self(Given::Link(link))
            }
        }

        impl From<$name> for Given {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        $(impl From<$value> for $name {
            fn from(value: $value) -> Self {
                Self(Given::$kind(value.into()))
            }
        })*
    )* };
}

/// Which types fit into which others.
macro_rules! fits {
    ($($given:ident => $($taken:ident),+;)*) => { $($(
        impl From<$given> for $taken {
            fn from(value: $given) -> Self {
                Self(value.0.into())
            }
        }
    )+)* };
}

/// Choices that are the same on every server of this version.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// All of them, in the order of the editor.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As workflows write it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl From<$name> for Given {
            fn from(value: $name) -> Self {
                Self::Text(value.as_str().to_owned())
            }
        }
    )* };
}

/// What goes from node to node.
pub mod types {
    use comfy_client::Link;

    use super::Given;

    links! {
        /// From an output that may give anything.
        Untyped
        /// `CLIP`.
        Clip
        /// `CONDITIONING`.
        Conditioning
        /// `IMAGE`.
        Image
        /// `LATENT`.
        Latent
        /// `MASK`.
        Mask
        /// `MODEL`.
        Model
        /// `VAE`.
        Vae
    }

    values! {
        /// Anything.
        Any: &str = Text, String = Text, i64 = Whole, f64 = Float, bool = Boolean;
        /// One of the values that the server offers.
        Choice: &str = Text, String = Text, i64 = Whole, f64 = Float, bool = Boolean;
        /// `BOOLEAN`.
        Boolean: bool = Boolean;
        /// `FLOAT`.
        Float: f32 = Float, f64 = Float, i32 = Float;
        /// `INT`.
        Int: i32 = Whole, i64 = Whole, u32 = Whole, u64 = Large;
        /// `STRING`.
        Text: &str = Text, String = Text;
    }

    fits! {
        Choice => Any;
        Untyped => Any, Choice, Boolean, Clip, Conditioning, Float, Image, Int, Latent, Mask, Model, Text, Vae;
        Boolean => Any;
        Clip => Any;
        Conditioning => Any;
        Float => Any;
        Image => Any;
        Int => Any;
        Latent => Any;
        Mask => Any;
        Model => Any;
        Text => Any;
        Vae => Any;
    }
}

/// What one of several is chosen from.
pub mod choices {
    use super::Given;

    choices! {
        /// One of 2.
        Crop {
            /// `disabled`.
            Disabled = "disabled",
            /// `center`.
            Center = "center",
        }
        /// One of 8.
        SamplerName {
            /// `euler`.
            Euler = "euler",
            /// `euler_ancestral`.
            EulerAncestral = "euler_ancestral",
            /// `heun`.
            Heun = "heun",
            /// `dpm_2`.
            Dpm2 = "dpm_2",
            /// `dpmpp_2m`.
            Dpmpp2m = "dpmpp_2m",
            /// `dpmpp_2m_sde`.
            Dpmpp2mSde = "dpmpp_2m_sde",
            /// `ddim`.
            Ddim = "ddim",
            /// `uni_pc`.
            UniPc = "uni_pc",
        }
        /// One of 9.
        Scheduler {
            /// `simple`.
            Simple = "simple",
            /// `sgm_uniform`.
            SgmUniform = "sgm_uniform",
            /// `karras`.
            Karras = "karras",
            /// `exponential`.
            Exponential = "exponential",
            /// `ddim_uniform`.
            DdimUniform = "ddim_uniform",
            /// `beta`.
            Beta = "beta",
            /// `normal`.
            Normal = "normal",
            /// `linear_quadratic`.
            LinearQuadratic = "linear_quadratic",
            /// `kl_optimal`.
            KlOptimal = "kl_optimal",
        }
        /// One of 5.
        UpscaleMethod {
            /// `nearest-exact`.
            NearestExact = "nearest-exact",
            /// `bilinear`.
            Bilinear = "bilinear",
            /// `area`.
            Area = "area",
            /// `bicubic`.
            Bicubic = "bicubic",
            /// `lanczos`.
            Lanczos = "lanczos",
        }
    }
}

node! {
    /// CLIP Text Encode (Prompt): `CLIPTextEncode`, in `conditioning`.
    ///
    /// Encodes a text prompt using a CLIP model into an embedding that can be used to guide the diffusion model towards generating specific images.
    CLIPTextEncode = "CLIPTextEncode";
    needs {
        /// The text to be encoded. Takes `STRING`.
        text = "text": types::Text,
        /// The CLIP model used for encoding the text. Takes `CLIP`.
        clip = "clip": types::Clip,
    }
    takes {}
    gives {
        /// A conditioning containing the embedded text used to guide the diffusion model. Gives `CONDITIONING`.
        conditioning = 0: types::Conditioning,
    }
}

node! {
    /// Load Checkpoint: `CheckpointLoaderSimple`, in `loaders`.
    ///
    /// Loads a diffusion model checkpoint, diffusion models are used to denoise latents.
    CheckpointLoaderSimple = "CheckpointLoaderSimple";
    needs {
        /// The name of the checkpoint (model) to load. Takes one of the values that the server offers.
        ckpt_name = "ckpt_name": types::Choice,
    }
    takes {}
    gives {
        /// The model used for denoising latents. Gives `MODEL`.
        model = 0: types::Model,
        /// The CLIP model used for encoding text prompts. Gives `CLIP`.
        clip = 1: types::Clip,
        /// The VAE model used for encoding and decoding images to and from latent space. Gives `VAE`.
        vae = 2: types::Vae,
    }
}

node! {
    /// EmptyImage: `EmptyImage`, in `image`.
    EmptyImage = "EmptyImage";
    needs {}
    takes {
        /// Takes `INT` from `1` to `16384`, at first `512`.
        width = "width": types::Int = 512_i64,
        /// Takes `INT` from `1` to `16384`, at first `512`.
        height = "height": types::Int = 512_i64,
        /// Takes `INT` from `1` to `4096`, at first `1`.
        batch_size = "batch_size": types::Int = 1_i64,
        /// Takes `INT` from `0` to `16777215`, at first `0`.
        color = "color": types::Int = 0_i64,
    }
    gives {
        /// Gives `IMAGE`.
        image = 0: types::Image,
    }
}

node! {
    /// Empty Latent Image: `EmptyLatentImage`, in `latent`.
    ///
    /// Create a new batch of empty latent images to be denoised via sampling.
    EmptyLatentImage = "EmptyLatentImage";
    needs {}
    takes {
        /// The width of the latent images in pixels. Takes `INT` from `16` to `16384`, at first `512`.
        width = "width": types::Int = 512_i64,
        /// The height of the latent images in pixels. Takes `INT` from `16` to `16384`, at first `512`.
        height = "height": types::Int = 512_i64,
        /// The number of latent images in the batch. Takes `INT` from `1` to `4096`, at first `1`.
        batch_size = "batch_size": types::Int = 1_i64,
    }
    gives {
        /// The empty latent image batch. Gives `LATENT`.
        latent = 0: types::Latent,
    }
}

node! {
    /// Get Image Size: `GetImageSize`, in `image`.
    ///
    /// Returns width and height of the image, and passes it through unchanged.
    GetImageSize = "GetImageSize";
    needs {
        /// Takes `IMAGE`.
        image = "image": types::Image,
    }
    takes {}
    gives {
        /// Gives `INT`.
        width = 0: types::Int,
        /// Gives `INT`.
        height = 1: types::Int,
        /// Gives `INT`.
        batch_size = 2: types::Int,
    }
}

node! {
    /// Invert Image: `ImageInvert`, in `image`.
    ImageInvert = "ImageInvert";
    needs {
        /// Takes `IMAGE`.
        image = "image": types::Image,
    }
    takes {}
    gives {
        /// Gives `IMAGE`.
        image = 0: types::Image,
    }
}

node! {
    /// Upscale Image: `ImageScale`, in `image/upscaling`.
    ImageScale = "ImageScale";
    needs {
        /// Takes `IMAGE`.
        image = "image": types::Image,
    }
    takes {
        /// Takes a choice, at first `nearest-exact`.
        upscale_method = "upscale_method": choices::UpscaleMethod = choices::UpscaleMethod::NearestExact,
        /// Takes `INT` from `0` to `16384`, at first `512`.
        width = "width": types::Int = 512_i64,
        /// Takes `INT` from `0` to `16384`, at first `512`.
        height = "height": types::Int = 512_i64,
        /// Takes a choice, at first `disabled`.
        crop = "crop": choices::Crop = choices::Crop::Disabled,
    }
    gives {
        /// Gives `IMAGE`.
        image = 0: types::Image,
    }
}

node! {
    /// KSampler: `KSampler`, in `sampling`.
    ///
    /// Uses the provided model, positive and negative conditioning to denoise the latent image.
    KSampler = "KSampler";
    needs {
        /// The model used for denoising the input latent. Takes `MODEL`.
        model = "model": types::Model,
        /// The conditioning describing the attributes you want to include in the image. Takes `CONDITIONING`.
        positive = "positive": types::Conditioning,
        /// The conditioning describing the attributes you want to exclude from the image. Takes `CONDITIONING`.
        negative = "negative": types::Conditioning,
        /// The latent image to denoise. Takes `LATENT`.
        latent_image = "latent_image": types::Latent,
    }
    takes {
        /// The random seed used for creating the noise. Takes `INT` from `0` to `18446744073709551615`, at first `0`.
        seed = "seed": types::Int = 0_i64,
        /// The number of steps used in the denoising process. Takes `INT` from `1` to `10000`, at first `20`.
        steps = "steps": types::Int = 20_i64,
        /// The Classifier-Free Guidance scale balances creativity and adherence to the prompt. Higher values result in images more closely matching the prompt however too high values will negatively impact quality. Takes `FLOAT` from `0.0` to `100.0`, at first `8.0`.
        cfg = "cfg": types::Float = 8.0,
        /// The algorithm used when sampling, this can affect the quality, speed, and style of the generated output. Takes a choice, at first `euler`.
        sampler_name = "sampler_name": choices::SamplerName = choices::SamplerName::Euler,
        /// The scheduler controls how noise is gradually removed to form the image. Takes a choice, at first `simple`.
        scheduler = "scheduler": choices::Scheduler = choices::Scheduler::Simple,
        /// The amount of denoising applied, lower values will maintain the structure of the initial image allowing for image to image sampling. Takes `FLOAT` from `0.0` to `1.0`, at first `1.0`.
        denoise = "denoise": types::Float = 1.0,
    }
    gives {
        /// The denoised latent. Gives `LATENT`.
        latent = 0: types::Latent,
    }
}

node! {
    /// Load Image: `LoadImage`, in `image`.
    LoadImage = "LoadImage";
    needs {
        /// Takes one of the values that the server offers.
        image = "image": types::Choice,
    }
    takes {}
    gives {
        /// Gives `IMAGE`.
        image = 0: types::Image,
        /// Gives `MASK`.
        mask = 1: types::Mask,
    }
}

node! {
    /// Load LoRA: `LoraLoader`, in `loaders`.
    ///
    /// LoRAs are used to modify diffusion and CLIP models, altering the way in which latents are denoised such as applying styles. Multiple LoRA nodes can be linked together.
    LoraLoader = "LoraLoader";
    needs {
        /// The diffusion model the LoRA will be applied to. Takes `MODEL`.
        model = "model": types::Model,
        /// The CLIP model the LoRA will be applied to. Takes `CLIP`.
        clip = "clip": types::Clip,
        /// The name of the LoRA. Takes one of the values that the server offers.
        lora_name = "lora_name": types::Choice,
    }
    takes {
        /// How strongly to modify the diffusion model. This value can be negative. Takes `FLOAT` from `-100.0` to `100.0`, at first `1.0`.
        strength_model = "strength_model": types::Float = 1.0,
        /// How strongly to modify the CLIP model. This value can be negative. Takes `FLOAT` from `-100.0` to `100.0`, at first `1.0`.
        strength_clip = "strength_clip": types::Float = 1.0,
    }
    gives {
        /// The modified diffusion model. Gives `MODEL`.
        model = 0: types::Model,
        /// The modified CLIP model. Gives `CLIP`.
        clip = 1: types::Clip,
    }
}

node! {
    /// Save Image: `SaveImage`, in `image`.
    ///
    /// Saves the input images to your ComfyUI output directory.
    ///
    /// A workflow may end in it.
    SaveImage = "SaveImage";
    needs {
        /// The images to save. Takes `IMAGE`.
        images = "images": types::Image,
    }
    takes {
        /// The prefix for the file to save. This may include formatting information such as %date:yyyy-MM-dd% or %Empty Latent Image.width% to include values from nodes. Takes `STRING`, at first `ComfyUI`.
        filename_prefix = "filename_prefix": types::Text = "ComfyUI",
    }
    gives {}
}

node! {
    /// VAE Decode: `VAEDecode`, in `latent`.
    ///
    /// Decodes latent images back into pixel space images.
    VAEDecode = "VAEDecode";
    needs {
        /// The latent to be decoded. Takes `LATENT`.
        samples = "samples": types::Latent,
        /// The VAE model used for decoding the latent. Takes `VAE`.
        vae = "vae": types::Vae,
    }
    takes {}
    gives {
        /// The decoded image. Gives `IMAGE`.
        image = 0: types::Image,
    }
}
