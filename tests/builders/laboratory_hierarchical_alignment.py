"""Modules of the theme hierarchical_alignment in the laboratory."""


def parameters(lab, at):
    given = {"input_stack": "acquired", "output_split_k": 2, "output_size": 50}
    given |= {"image_directory": at("cells")}
    return {
        "hierarchical_alignment.split_stack": given,
        "hierarchical_alignment.split_stack_2": given,
    }
