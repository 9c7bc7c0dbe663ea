-- Whom a training left out because the platform had contacted them, and who stands for them.
ALTER TABLE models.trainings ADD COLUMN contacts jsonb;
COMMENT ON COLUMN models.trainings.contacts IS 'by use of the days (training, evaluation): rows, those left out because the platform contacted the customer before their next order, of them those whom nobody stands for, rows left alone by lot, the largest weight, and how many rows of equal weight say as much; empty where the platform contacted nobody';
