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
