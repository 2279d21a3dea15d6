"""Every tensor of every released checkpoint has its place in our networks."""

import pytest
from published import ORIGINAL, PORT, RELEASED

from projects.kmax.converters import FORMATS, ConversionError, convert

R50 = [('deeplab2', 'coco_r50', ORIGINAL['coco_r50']), ('port', 'r50', PORT['r50'])]
SEMANTIC = ('semantic_', 'sem_seg_head.predictor._auxiliary_semantic_predictor')


@pytest.mark.parametrize(('form', 'configs'), [('deeplab2', ORIGINAL), ('port', PORT)])
def test_cases_are_all_released_checkpoints(form, configs, released):
    assert set(released[form]) == set(configs)


@pytest.mark.parity
@pytest.mark.parametrize(('form', 'case', 'config'), RELEASED)
def test_tensors_and_weights_fill_each_other(form, case, config, released, meta_model):
    model, tensors = meta_model(config), released[form][case]
    result = convert(FORMATS[form], tensors, model)
    assert set(result.plan.targets) == set(tensors)
    assert result.plan.left_out == {} and result.not_filled == {}
    assert list(result.state) == list(model.state_dict())
    model.load_state_dict(result.state, strict=True, assign=True)


@pytest.mark.parametrize(('form', 'case', 'config'), R50)
def test_semantic_weights_without_a_decoder_are_left_out(form, case, config, released, meta_model):
    model, tensors = meta_model(config, panoptic_head=dict(semantic_decoder=None)), released[form]
    left_out = convert(FORMATS[form], tensors[case], model).plan.left_out
    assert set(left_out) == {name for name in tensors[case] if name.startswith(SEMANTIC)}
    assert set(left_out.values()) == {'the config has no auxiliary semantic decoder'}
    assert len(left_out) > 50


@pytest.mark.parametrize(('form', 'case', 'config'), R50)
def test_unknown_class_order_is_an_error(form, case, config, released, meta_model):
    classes = dict(num_things_classes=60, num_stuff_classes=73)
    model = meta_model(config, panoptic_head=classes)
    with pytest.raises(ConversionError, match='60 thing and 73 stuff classes'):
        convert(FORMATS[form], released[form][case], model)
