//! The Python functions that the classes call, by the names that Python gives them in its errors.

/// Class and function; a class that inherits its function shows the class that it is from.
const FUNCTIONS: &[(&str, &str)] = &[
    ("KSampler", "KSampler.sample"),
    ("CheckpointLoaderSimple", "CheckpointLoaderSimple.load_checkpoint"),
    ("CLIPTextEncode", "CLIPTextEncode.encode"),
    ("VAEDecode", "VAEDecode.decode"),
    ("VAEEncode", "VAEEncode.encode"),
    ("VAELoader", "VAELoader.load_vae"),
    ("EmptyLatentImage", "EmptyLatentImage.generate"),
    ("SaveImage", "SaveImage.save_images"),
    ("PreviewImage", "SaveImage.save_images"),
    ("LoadImage", "LoadImage.load_image"),
    ("LoadImageMask", "LoadImageMask.load_image"),
    ("LoadImageOutput", "LoadImage.load_image"),
    ("ImageScale", "ImageScale.upscale"),
    ("ImageScaleBy", "ImageScaleBy.upscale"),
    ("ImageInvert", "ImageInvert.invert"),
    ("ImageBatch", "ImageBatch.batch"),
    ("EmptyImage", "EmptyImage.generate"),
    ("KSamplerAdvanced", "KSamplerAdvanced.sample"),
    ("LoraLoader", "LoraLoader.load_lora"),
    ("CLIPLoader", "CLIPLoader.load_clip"),
    ("UNETLoader", "UNETLoader.load_unet"),
    ("DualCLIPLoader", "DualCLIPLoader.load_clip"),
    ("MaskToImage", "MaskToImage.mask_to_image"),
    ("ImageToMask", "ImageToMask.image_to_mask"),
    ("SolidMask", "SolidMask.solid"),
    ("InvertMask", "InvertMask.invert"),
    ("ImageCrop", "ImageCrop.crop"),
    ("GetImageSize", "GetImageSize.get_size"),
    ("EmptySD3LatentImage", "EmptySD3LatentImage.execute"),
    ("SaveImageWebsocket", "SaveImageWebsocket.save_images"),
];

/// The name of the function of a class.
pub(crate) fn function(class: &str) -> &str {
    FUNCTIONS.iter().find(|(name, _)| *name == class).map_or(class, |(_, function)| function)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::ALL;

    #[test]
    fn every_class_has_its_function() {
        let listed: Vec<&str> = FUNCTIONS.iter().map(|(class, _)| *class).collect();
        let classes: Vec<&str> = ALL.iter().map(|node| node.class()).collect();
        assert_eq!(listed, classes);
    }
}
