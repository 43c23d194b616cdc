//! `image-available`: the engine has the image, or may pull or build it.

use docker_ops::{Image, PullPolicy};
use report::{CheckId, Finding};

use super::{fail, pass};

pub(super) const ID: CheckId = CheckId("image-available");

/// Judges whether a container can be made of `image`. `present`: the engine has it.
pub(crate) fn judge(image: &Image, present: bool) -> Finding {
    let reference = image.reference();
    match image {
        Image::Named { pull: PullPolicy::Never, .. } if !present => {
            fail(ID, format!("the engine has no image `{reference}`, and may not pull it")).hint(format!(
                "bring it (`docker load`, `docker build --tag {reference} …`), or set `pull` in `[stack]` of genai.toml"
            ))
        }
        Image::Build { context, dockerfile, .. } if !present && !context.join(dockerfile).is_file() => {
            let place = context.join(dockerfile);
            fail(ID, format!("`{reference}` can't be built: there is no `{}`", place.display()))
                .hint("name the folder of the Dockerfile as `context` in `[stack.build]` of genai.toml")
        }
        _ if present => pass(ID, format!("the engine has `{reference}`")),
        Image::Build { .. } => pass(ID, format!("`{reference}` will be built")),
        _ => pass(ID, format!("`{reference}` will be pulled, if its registry has it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_must_be_obtainable() {
        let named = |pull| Image::Named { reference: "comfyui:1".into(), pull };
        let folder = tempfile::tempdir().unwrap();
        let built = Image::Build {
            tag: "mine".into(),
            context: folder.path().to_owned(),
            dockerfile: "Dockerfile".into(),
            args: Default::default(),
            secrets: Vec::new(),
        };
        let table = [
            (named(PullPolicy::Never), true, "pass"),
            (named(PullPolicy::Never), false, "fail"),
            (named(PullPolicy::Missing), false, "pass"),
            (built.clone(), false, "fail"),
        ];
        for (image, present, outcome) in table {
            assert_eq!(judge(&image, present).outcome.name(), outcome, "{image:?}");
        }
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
        assert_eq!(judge(&built, false).outcome.name(), "pass");
    }
}
