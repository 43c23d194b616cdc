//! The project's other services: whose token a place holds, where several have one of their own.

use std::path::{Path, PathBuf};

use token_sync::SourceFile;

use crate::{Settings, World, file::File, load};

/// Another service of the same project.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Its name.
    pub service: String,
    /// Its source of truth.
    pub source: SourceFile,
    /// ComfyUI's own folder, if `genai.toml` names it.
    pub comfy_dir: Option<PathBuf>,
}

impl Neighbour {
    /// The services of `file` but `own`.
    pub(crate) fn of(file: &File, own: &str, root: &Path, world: &World) -> Vec<Self> {
        let others = file.service.iter().filter(|(name, _)| *name != own);
        let neighbour = |(name, section): (&String, &crate::file::Service)| {
            let source = world.var("GENAI_SOURCE").or(section.source.as_deref()).or(file.source.as_deref());
            Self {
                service: name.clone(),
                source: SourceFile::new(load::normal(&root.join(source.unwrap_or(SourceFile::DEFAULT)))),
                comfy_dir: section.comfy_dir.as_ref().map(|folder| load::normal(&root.join(folder))),
            }
        };
        others.map(neighbour).collect()
    }

    /// Where a service's own `.env` lies by custom.
    pub(crate) fn custom_env(service: &str) -> String {
        format!("docker-configurations/services/{service}/.env")
    }
}

/// A place that holds another service's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPlace {
    /// Where it is.
    pub path: PathBuf,
    /// Its key, where its file has several.
    pub key: Option<String>,
    /// Whose it is.
    pub service: String,
}

impl Settings {
    /// The other services that keep their token in the same source of truth.
    pub fn sharers(&self) -> impl Iterator<Item = &Neighbour> {
        self.neighbours.iter().filter(|other| other.source.path() == self.source.value.path())
    }

    /// The places that services with another source of truth have by custom; [`Settings::claimed`] has those that their sources name.
    pub fn foreign_places(&self) -> Vec<ForeignPlace> {
        let mut places = Vec::new();
        for other in self.neighbours.iter().filter(|other| other.source.path() != self.source.value.path()) {
            let mut say = |path, key| places.push(ForeignPlace { path, key, service: other.service.clone() });
            say(other.source.path().to_owned(), None);
            say(self.place(Neighbour::custom_env(&other.service)), Some(Self::TOKEN_KEY.to_owned()));
            if let Some(folder) = &other.comfy_dir {
                say(folder.join("login").join("PASSWORD"), None);
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flags;

    #[test]
    fn who_shares_and_whose_a_place_is() {
        let project = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
        write(
            "genai.toml",
            "[service.a]\n[service.b]\ncomfy_dir = \"B\"\n[service.c]\nsource = \"c.conf\"\ncomfy_dir = \"x/../C\"\n",
        );
        let of = |service: &str, world: &World| {
            let flags = Flags { service: Some(service.into()), ..Flags::default() };
            let settings = Settings::load(&flags, world).unwrap();
            let sharers: Vec<_> = settings.sharers().map(|other| other.service.clone()).collect();
            let places = settings.foreign_places();
            let place = |place: &ForeignPlace| {
                format!("{} {} {}", settings.shown(&place.path), place.key.as_deref().unwrap_or("-"), place.service)
            };
            (sharers, places.iter().map(place).collect::<Vec<_>>())
        };
        let world = World::for_tests(project.path());
        let (sharers, places) = of("a", &world);
        assert_eq!(sharers, ["b"]);
        insta::assert_snapshot!(places.join("\n"), @"
        c.conf - c
        docker-configurations/services/c/.env COMFYUI_API_TOKEN c
        C/login/PASSWORD - c
        ");
        assert_eq!(of("c", &world).0, Vec::<String>::new());
        let (sharers, places) = of("a", &world.with_env("GENAI_SOURCE", "one.conf"));
        assert_eq!((sharers.len(), places.len()), (2, 0), "the variable means every service");
    }
}
